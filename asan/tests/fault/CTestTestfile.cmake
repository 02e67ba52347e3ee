# CMake generated Testfile for 
# Source directory: /tmp/joining-w/tests/fault
# Build directory: /tmp/joining-w/asan/tests/fault
# 
# This file includes the relevant testing commands required for 
# testing this directory and lists subdirectories to be tested as well.
