"""Records of what models were asked in an application: spans, observations, samples."""
