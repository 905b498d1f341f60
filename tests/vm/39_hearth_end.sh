stop_up hearth_job.sigterm_drains_and_exits_0
# Processes with a command line (the kernel's own have none): only this script and its children.
left=$(for pid in /proc/[0-9]*; do tr '\0' ' ' < "$pid/cmdline"; echo; done 2> /dev/null | grep -c '^/hearth/')
[ "$left" -eq 0 ]
verdict $? hearth_job.no_process_is_left
