# CMake generated Testfile for 
# Source directory: /tmp/joining-w/tests/live
# Build directory: /tmp/joining-w/asan/tests/live
# 
# This file includes the relevant testing commands required for 
# testing this directory and lists subdirectories to be tested as well.
add_test([=[live.maildir]=] "/root/.pyenv/shims/python3" "-B" "/tmp/joining-w/tests/live/live_maildir.py" "/tmp/joining-w/asan/tests/live/maildir_tool")
set_tests_properties([=[live.maildir]=] PROPERTIES  LABELS "live" SKIP_RETURN_CODE "77" TIMEOUT "300" _BACKTRACE_TRIPLES "/tmp/joining-w/tests/live/CMakeLists.txt;6;add_test;/tmp/joining-w/tests/live/CMakeLists.txt;0;")
