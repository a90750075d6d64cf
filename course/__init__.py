"""What the labs import: texts, tokenizers and models by name, and pictures of them."""

from course.hub import encoding, load_model, load_tokenizer, model_path, stay_offline, textbook

__all__ = ["encoding", "load_model", "load_tokenizer", "model_path", "textbook"]

stay_offline()
