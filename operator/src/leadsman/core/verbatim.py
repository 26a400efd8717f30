"""Arguments of containers that stay as they are."""


def verbatim(argument: str) -> str:
    """The argument as a container's spec has to have it: the kubelet puts variables in for `$(NAME)`, and `$` for `$$`.

    Whoever may name a model could have the values of a Secret, which the container has as variables, sent anywhere.
    """
    # Every one, not only those before a parenthesis: of `$$(NAME)` with one more the last two would be a variable.
    return argument.replace("$", "$$")
