# SPDX-License-Identifier: GPL-2.0-or-later
"""The sub-commands, one module each: `add(parser)` names its flags, `run(args)` returns the status.

Each module is imported only when its command is asked for.
"""
