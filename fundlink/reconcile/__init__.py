"""Whether facts agree: pure rules and tables, no I/O. The road hands the evidence in and takes the outcome out."""
