"""The files in a run's folder."""

RECIPE = "recipe.json"
FUNCTIONS = {"lora_forward": "lora_forward.py", "mask_prompt_labels": "mask_prompt_labels.py"}
CHECKPOINT = "checkpoint.pt"
LOG = "worker.log"
# of a run that is through
ADAPTER = "adapter.gguf"
LOGITS = "logits.npz"  # what torch computes with the adapter, of one example
RESULT = "run.json"
