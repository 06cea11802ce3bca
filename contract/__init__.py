"""What the platform and its models promise: one document, and what follows from it.

`load()` gives a `Contract`, whose `model` answers what is asked of the endpoint; `facts()` everything it rests on. The
hypothesis strategies are in `mockling.contract.strategies` and need the `test` extra.
"""

from mockling.contract.contract import Contract, Refusal, load
from mockling.contract.document import ContractError, Document
from mockling.contract.facts import Fact, Source, fact, facts
from mockling.contract.inputs import InputFile
from mockling.contract.model import Case, Model
from mockling.contract.terms import Output
from mockling.contract.validation import Violation

__all__ = [
    "Case",
    "Contract",
    "ContractError",
    "Document",
    "Fact",
    "InputFile",
    "Model",
    "Output",
    "Refusal",
    "Source",
    "Violation",
    "fact",
    "facts",
    "load",
]
