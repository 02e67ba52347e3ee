# CMake generated Testfile for 
# Source directory: /tmp/joining-w
# Build directory: /tmp/joining-w/asan
# 
# This file includes the relevant testing commands required for 
# testing this directory and lists subdirectories to be tested as well.
subdirs("writer")
subdirs("shipper")
subdirs("applier")
subdirs("tools")
subdirs("tests")
