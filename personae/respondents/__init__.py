"""Controls with known habits: simulated, null and scripted respondents.

A simulated respondent knows no instrument. It reads a chat as any model must, and understands what
an instrument's recogniser finds in it: a function from a `Prompt` to a stimulus in the respondent's
own terms (`stimuli`), registered with `recognition.register` beside the code that renders the
prompts. A module called `..._recogniser.py` anywhere in the package is found by its name, in every
process alike; one of your own is registered when it is imported.

A JSON file in `personae/data` (inventory, rubric, behavioural task, set of problems) needs no
recogniser of its own: the shipped ones read all of them. An instrument worded elsewhere, such as a
study's own question, registers one. A prompt that no recogniser understands is answered by the
trait words in it.
"""
