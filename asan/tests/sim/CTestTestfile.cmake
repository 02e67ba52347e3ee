# CMake generated Testfile for 
# Source directory: /tmp/joining-w/tests/sim
# Build directory: /tmp/joining-w/asan/tests/sim
# 
# This file includes the relevant testing commands required for 
# testing this directory and lists subdirectories to be tested as well.
add_test([=[sim.histories]=] "/tmp/joining-w/asan/tests/sim/sim" "--count" "4000")
set_tests_properties([=[sim.histories]=] PROPERTIES  LABELS "sim" TIMEOUT "1800" _BACKTRACE_TRIPLES "/tmp/joining-w/tests/sim/CMakeLists.txt;14;add_test;/tmp/joining-w/tests/sim/CMakeLists.txt;0;")
add_test([=[sim.more_histories]=] "/tmp/joining-w/asan/tests/sim/sim" "--from" "4001" "--count" "4000")
set_tests_properties([=[sim.more_histories]=] PROPERTIES  LABELS "sim" TIMEOUT "1800" _BACKTRACE_TRIPLES "/tmp/joining-w/tests/sim/CMakeLists.txt;15;add_test;/tmp/joining-w/tests/sim/CMakeLists.txt;0;")
add_test([=[sim.twice]=] "/tmp/joining-w/asan/tests/sim/sim" "--count" "20" "--twice")
set_tests_properties([=[sim.twice]=] PROPERTIES  LABELS "sim" TIMEOUT "1800" _BACKTRACE_TRIPLES "/tmp/joining-w/tests/sim/CMakeLists.txt;16;add_test;/tmp/joining-w/tests/sim/CMakeLists.txt;0;")
add_test([=[sim.kept]=] "/tmp/joining-w/asan/tests/sim/sim" "--sweep" "--replay" "/tmp/joining-w/tests/sim/histories/claim_not_heard.txt" "/tmp/joining-w/tests/sim/histories/clock_back.txt" "/tmp/joining-w/tests/sim/histories/each_waits.txt" "/tmp/joining-w/tests/sim/histories/emptied_journal.txt" "/tmp/joining-w/tests/sim/histories/half_a_change.txt" "/tmp/joining-w/tests/sim/histories/late_mail.txt" "/tmp/joining-w/tests/sim/histories/placed_and_not_recorded.txt" "/tmp/joining-w/tests/sim/histories/renamed_amid.txt")
set_tests_properties([=[sim.kept]=] PROPERTIES  LABELS "sim" TIMEOUT "1800" _BACKTRACE_TRIPLES "/tmp/joining-w/tests/sim/CMakeLists.txt;19;add_test;/tmp/joining-w/tests/sim/CMakeLists.txt;0;")
add_test([=[sim.mistakes]=] "/tmp/joining-w/tests/sim/mistakes.sh")
set_tests_properties([=[sim.mistakes]=] PROPERTIES  LABELS "sim" TIMEOUT "1800" _BACKTRACE_TRIPLES "/tmp/joining-w/tests/sim/CMakeLists.txt;21;add_test;/tmp/joining-w/tests/sim/CMakeLists.txt;0;")
