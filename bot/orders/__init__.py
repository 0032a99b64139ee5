# SPDX-License-Identifier: GPL-2.0-or-later
"""Orders: what people tell the bot by mail, in lines that begin with `#revokebot`.

    mail ──► Order* ──► may they? ──► does the signature hold? ──► done and written down
             parse      allowed       bot.attest                   bot.outbox.obeying

docs/orders.md has the words.  An order is one of these; the commands of the
command line are in `bot.commands`.  What is not obeyed is counted, and nobody
is told: an answer to a forged mail would go to somebody who never asked.
"""
