"""Language codes."""

from collections.abc import Sequence

from demos.common.errors import UserError

# Languages written without spaces: characters are used instead of words.
UNSPACED = ("ja", "zh")


def base_language(language: str) -> str:
    """Returns a language without its region or script.

    Example:

    >>> base_language("zh-TW"), base_language("pt_BR")
    ('zh', 'pt')
    """
    return language.replace("_", "-").partition("-")[0].lower()


def check_languages(source: str, target: str, choices: Sequence[str]) -> None:
    """Raises a `UserError` if the languages are not two of the choices."""
    for flag, language in (("source", source), ("target", target)):
        if language not in choices:
            raise UserError(
                f"Expected --{flag} to be one of {', '.join(choices)}. "
                f"Received: {language!r}"
            )
    if source == target:
        raise UserError(
            f"Expected --source and --target to be two of {', '.join(choices)}."
            f" Received: {source!r} for both"
        )
