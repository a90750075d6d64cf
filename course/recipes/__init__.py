"""The programs that made what is in `course/assets`, so that anyone can make it again."""
