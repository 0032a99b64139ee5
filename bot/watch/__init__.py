# SPDX-License-Identifier: GPL-2.0-or-later
"""The daemon: from the mails of inboxes that are watched to replies in the outbox, for years.

    inbox ──► mail, thread, cursor ──► series with their fates ──► reviews, replies
    poll       intake (one transaction)   work, in processes of their own

`bot.inboxes` gives the mails, `bot.answer` says what there is to say of a
thread, `bot.sender` sends it; what is here decides when, and what becomes of
that which goes wrong.
"""
