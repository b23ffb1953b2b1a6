"""dlib's face recogniser, as its file has it: `faces` recognises people with it, `expressions` begins from it."""
