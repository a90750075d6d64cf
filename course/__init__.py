"""What the labs import: texts, tokenizers and models by name, the base setting, the device."""

from course.devices import device
from course.hub import encoding, load_model, load_tokenizer, model_path, stay_offline, textbook
from course.settings import BASE

__all__ = [
    "BASE",
    "device",
    "encoding",
    "load_model",
    "load_tokenizer",
    "model_path",
    "textbook",
]

stay_offline()
