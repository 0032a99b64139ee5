# SPDX-License-Identifier: GPL-2.0-or-later
"""The third face: what a review says as comments of a forge, checks of Patchwork, answers to b4.

    api       JSON over HTTP with a server that may be slow, busy or down
    whole     the change as the forge shows it, and where a finding stands in it
    wish      what is to be there: one comment for all, and some on lines
    plan      from what is there and what is to be there, the steps between
    report    look, plan, do, until nothing is left to do

One module for each server knows its paths and its words, and nothing of reviews.
"""
