# Sandboxes of an agent that is not root, in a delegated sub-tree: with its own id instead of a range.
if [ "$mode" = v2 ]; then
  delegate "$cgroups/boxed"
  (as_agent_in "$cgroups/boxed" /hearth/hearth up --data /tmp/boxed --warm-slots 0 \
    --images small=/disk/image) > /tmp/ready 2> /tmp/up.log &
  up=$!
  wait_for_ready sandbox_as_user.ready
  /hearth/hearth agents --json > /tmp/agents
  grep -q '"sandboxes":\["none","process","image"\],"features":\["image:small"\]' /tmp/agents
  verdict $? sandbox_as_user.all_levels_are_offered

  run --sandbox process -- sh -c "$rights; tr -s ' ' < /proc/self/uid_map"
  printed sandbox_as_user.no_right_is_left "$rights_expected
 1000 1000 1"
  run --sandbox process -- tail /dev/zero
  ended_as_oom sandbox_as_user.memory_limit_ends_it_as_oom

  # Files can be changed, but folders not be removed before Linux 6.6: see docs/operations.md.
  state_of /disk/image > /tmp/before
  run --image small -- sh -c 'cat /etc/release; echo new > /open/new && cat /open/new
    rm /open/deep/file && ls -A /open/deep; rm -r /open/deep 2>&1'
  cat /tmp/out
  [ "$status" -eq 1 ] && [ "$(cat /tmp/out)" = "small
new
rm: can't remove '/open/deep': Input/output error" ]
  verdict $? sandbox_as_user.an_image_is_the_root_but_for_folders
  state_of /disk/image | cmp - /tmp/before
  verdict $? sandbox_as_user.the_image_itself_is_not_changed
  stop_up sandbox_as_user.sigterm_ends_it
  [ "$(find "$cgroups/boxed" -mindepth 1 -type d)" = "$cgroups/boxed/hearth-agent" ]
  verdict $? sandbox_as_user.no_group_is_left
fi
