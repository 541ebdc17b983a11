"""How well a trained folder predicts its held-out text, written into its evaluation.json.

    python evaluate.py FOLDER

The tokens of each text and one end token, all in one row, are cut into windows of the model's context, and what is left
over is dropped. The first token of a window is given, the others are predicted, by PyTorch in float32.
"""

import argparse
import json
import math
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

WINDOWS_AT_ONCE = 8


@torch.no_grad()
def evaluate(folder: Path) -> dict[str, float]:
    """Of the texts in held_out.jsonl: bits per byte, nats per token, share of next tokens that were the likeliest.

    Bits per byte spread the mean over the predicted tokens on all bytes.
    """
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    lines = (folder / "held_out.jsonl").read_text("utf-8").splitlines()
    texts = [json.loads(line)["text"] for line in lines]
    stream = torch.tensor(
        [token for text in texts for token in (*tokenizer(text)["input_ids"], tokenizer.eos_token_id)]
    )
    n_context = model.config.max_position_embeddings
    windows = stream[: len(stream) // n_context * n_context].view(-1, n_context)
    nats = right = 0.0
    for some in windows.split(WINDOWS_AT_ONCE):
        logits, following = model(some).logits[:, :-1].flatten(0, 1), some[:, 1:].flatten()
        nats += torch.nn.functional.cross_entropy(logits, following, reduction="sum").item()
        right += (logits.argmax(-1) == following).sum().item()
    n_predicted = len(windows) * (n_context - 1)
    n_bytes = sum(len(text.encode()) for text in texts)
    return {
        "files": len(texts),
        "bytes": n_bytes,
        "tokens": len(stream),
        "tokens_predicted": n_predicted,
        "nats_per_token": round(nats / n_predicted, 5),
        "bits_per_byte": round(nats / n_predicted / math.log(2) * len(stream) / n_bytes, 4),
        "next_token_accuracy": round(right / n_predicted, 4),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    found = json.dumps(evaluate(folder), indent=1)
    (folder / "evaluation.json").write_text(found + "\n", encoding="utf-8")
    print(found)


if __name__ == "__main__":
    main()
