"""What the platform does, without HTTP: the stages of a request, accounts and money, jobs, inputs and outputs."""
