# CMake generated Testfile for 
# Source directory: /tmp/joining-w/tests/drill
# Build directory: /tmp/joining-w/asan/tests/drill
# 
# This file includes the relevant testing commands required for 
# testing this directory and lists subdirectories to be tested as well.
