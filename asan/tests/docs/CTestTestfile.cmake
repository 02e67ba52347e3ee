# CMake generated Testfile for 
# Source directory: /tmp/joining-w/tests/docs
# Build directory: /tmp/joining-w/asan/tests/docs
# 
# This file includes the relevant testing commands required for 
# testing this directory and lists subdirectories to be tested as well.
add_test([=[docs.docs]=] "/root/.pyenv/shims/python3" "-B" "/tmp/joining-w/tests/docs/test_docs.py" "/tmp/joining-w" "/tmp/joining-w/asan/bin")
set_tests_properties([=[docs.docs]=] PROPERTIES  LABELS "docs" TIMEOUT "120" _BACKTRACE_TRIPLES "/tmp/joining-w/tests/docs/CMakeLists.txt;4;add_test;/tmp/joining-w/tests/docs/CMakeLists.txt;0;")
