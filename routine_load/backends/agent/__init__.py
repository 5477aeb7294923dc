"""The other side: a backend in a process of its own, which takes orders from a coordinator and runs its tasks.

It consumes, decodes and transforms like any backend; what it would write it sends. It owns no truth: where its process
ends, at whatever instruction, or sleeps beyond its task's time, the owner has committed the batch with its ranges or
has not, and the batch is read again by another task.
"""
