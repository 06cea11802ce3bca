"""The contract as a suite of pytest: one test for each clause, and properties of the client, against any target.

    pytest --pyargs mockling.contract.suite --target emulator
    pytest --pyargs mockling.contract.suite --target live --budget 2.00

It needs the `test` extra (`pip install mockling[test]`). As a suite of tests it may use every room; nothing imports it.
"""
