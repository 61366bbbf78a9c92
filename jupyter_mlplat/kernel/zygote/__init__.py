"""The zygote of one environment: a process that has imported what notebooks need and forks kernels that wait.

A program of its own, started by path with the Python of a kernelspec (`python …/zygote --socket …`), so it imports
nothing but the standard library and ipykernel, and runs on whatever Python and ipykernel it finds there.

    program   takes the place, so that there is one per host and environment
    start     imports ahead, and tries; starts again where an import went wrong
    preload   one import: what is left out and why, what makes a fork unsafe, whether what is installed has changed
    trial     a kernel that is run once to its end: proof that forked kernels work here, and what they touch
    server    takes requests, keeps some kernels waiting, hands them over
    keeper    the parent of one kernel: passes signals on, reports how it ended, leaves no descendant
    waiting   the kernel: everything that one reads at its start, it reads after the hand-over
    app       ipykernel's application, with what looks at the world postponed
    wire, system, memory, title   messages; signals and processes; pages; what `ps` shows
"""
