"""A port that this machine serves, as the kernel knows it: does it answer, who is connected, is the last request answered?"""
