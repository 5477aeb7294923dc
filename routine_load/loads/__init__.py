"""The one load path that routine load tasks and Stream Loads share.

Payloads are decoded, transformed and written to the sink chunk by chunk under one label; rejected rows go to one file
per transaction; rows, counts and progress become visible together or not at all. This room does not know where
payloads come from, nor what a job is beyond its number.
"""
