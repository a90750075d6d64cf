"""The questions of each lab, one module a lab: what students may see."""
