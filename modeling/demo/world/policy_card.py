"""The model card that `build_policy` writes beside the weights."""

CARD = """---
license: apache-2.0
language: en
library_name: transformers
pipeline_tag: text-generation
tags:
- demo
---

# Demo policy

A tiny Llama-architecture language model (under one million parameters) for the demo project of
Preferable. It answers everyday questions of a small made-up world: capitals, opposites, sums,
lists, how-tos, small talk.

**It is mediocre on purpose.** It learned from a mixture of good and bad responses: right about
half the time, seldom polite, sometimes rude, rambling or broken off. It writes fluent sentences,
but what they say is often wrong. That leaves room for a reward model and for policy improvement
to show what they can do. Use it for nothing else.

- **Made by** `python -m modeling.demo.world.build_policy`, from scratch, on text that the generator
in `modeling/demo/` writes. No other data was used. - **Temperature:** meant to be sampled at 1. The
trained logits are scaled by 1/0.75 through the last norm, which makes slips of spelling rare. -
**Measured by** `python -m modeling.demo.world.measure_policy`: share of fluent samples, score by
the oracle, gain of best-of-n. - **Format:** weights in half precision, which load as float32;
byte-level BPE tokenizer with a chat template (`<|system|>`, `<|user|>`, `<|assistant|>`, each
message ended by `<|end|>`) and a padding token of its own. - **Languages and limits:** English; the
world's words only; 512 tokens of context. - **Licence:** Apache-2.0, like the rest of the
repository.
"""
