"""Other runs of a scenario: smaller ones that still fail, all of them under K faults, records."""
