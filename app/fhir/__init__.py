"""A report for the hospital's other systems: a FHIR R4 (4.0.1) Bundle, and our own judgement of one.

Plain dictionaries, because the models of the known library are a hundred times what is needed and miss what matters:
codes outside of required sets, references that lead nowhere, two resources with one address.
"""
