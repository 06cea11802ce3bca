"""The public page of an endpoint, and where it and the contract differ.

`read_page` reads a page that was saved as text or HTML; `compare` holds it against the contract, for free and without
a key. `model_of` finds the model whose page it is.
"""

from mockling.contract.page.comparing import compare, differences, model_of
from mockling.contract.page.markup import PageError
from mockling.contract.page.points import Comparison, Difference
from mockling.contract.page.reading import Page, read_page

__all__ = ["Comparison", "Difference", "Page", "PageError", "compare", "differences", "model_of", "read_page"]
