"""Controls with known habits: simulated, null and scripted respondents.

A simulated respondent knows no instrument. It reads a chat as any model must, and understands what
an instrument's recogniser finds in it: a function from a `Prompt` to a stimulus in the respondent's
own terms (`stimuli`), registered with `recognition.register` beside the code that renders the
prompts. A module called `..._recogniser.py` anywhere in the package is found by its name, in every
process alike; one of your own is registered when it is imported.

An inventory or a rubric in `personae/data` needs no recogniser: the shipped ones read all of them,
their items and their answer scales. So do a behavioural task and a set of problems. What has a
wording that is no such data, such as a study's own question, registers its own; respondents that
don't understand a prompt answer it by the trait words in it.
"""
