//! A school in network namespaces, for the lab and the whole-box tests.
