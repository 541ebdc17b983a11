"""A model's chat template: the text that a conversation is, for this model."""

from collections.abc import Sequence

import jinja2
from llama_cpp.llama_chat_format import Jinja2ChatFormatter

from course.llama.errors import LlamaError
from course.llama.header import Header


class TemplateError(LlamaError):
    """A template that is broken, or does not take a conversation: one line that says which and why."""


def of(known: Header) -> str:
    """The template in a file's header; empty where the model was not trained to answer."""
    found = known.metadata.get("tokenizer.chat_template")
    return found if isinstance(found, str) else ""


def render(known: Header, turns: Sequence[tuple[str, str]], *, name: str) -> str:
    """The conversation of (role, text) turns as a model was trained to read it, up to where its answer begins.

    The model is known by its file's header, and called `name` in errors. Raises TemplateError.
    """
    begin, end = (known.token(f"{kind}_token_id") for kind in ("bos", "eos"))
    try:
        formatter = Jinja2ChatFormatter(of(known), eos_token=end, bos_token=begin)
    except jinja2.TemplateError as error:
        raise TemplateError(f"the chat template of {name} is broken ({_line(error)})") from error
    messages = [{"role": role, "content": content} for role, content in turns]
    try:
        prompt = formatter(messages=messages).prompt  # type: ignore[arg-type]
    except Exception as error:  # a template is a program of its own, with whatever errors it makes
        raise TemplateError(f"the chat template of {name} does not take this conversation ({_line(error)})") from error
    if not prompt:
        raise TemplateError(f"the chat template of {name} makes nothing of this conversation")
    return prompt


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
