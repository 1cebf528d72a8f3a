"""Every error verify raises on purpose: what was found, what is allowed, what to do.

    VerifyError (1)
    └── BadInput (2)     the folder, the pull request, a policy or an argument is wrong

What is wrong with a submission is never an error: it is a finding. The number is the exit code.
"""


class VerifyError(Exception):
    exit_code = 1


class BadInput(VerifyError):
    exit_code = 2
