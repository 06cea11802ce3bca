"""What the endpoint promises: the OpenAPI document, and what follows from it.

`load()` gives a `Contract`; `facts()` every fact in it with its source. The hypothesis strategies are in
`mockling.contract.strategies` and need the `test` extra.
"""

from mockling.contract.contract import Contract, Refusal, load
from mockling.contract.document import ContractError, Document
from mockling.contract.facts import Fact, fact, facts
from mockling.contract.validation import Violation

__all__ = ["Contract", "ContractError", "Document", "Fact", "Refusal", "Violation", "fact", "facts", "load"]
