# CMake generated Testfile for 
# Source directory: /tmp/joining-w/tests/crash
# Build directory: /tmp/joining-w/asan/tests/crash
# 
# This file includes the relevant testing commands required for 
# testing this directory and lists subdirectories to be tested as well.
