// Says which mutex guards what, so that clang's thread-safety analysis (the clang preset) can check
// it; other compilers see nothing.
#pragma once

#if defined(__clang__)
#define HEARTH_THREAD_ATTRIBUTE(x) __attribute__((x))
#else
#define HEARTH_THREAD_ATTRIBUTE(x)
#endif

#define HEARTH_CAPABILITY(name) HEARTH_THREAD_ATTRIBUTE(capability(name))
#define HEARTH_SCOPED_CAPABILITY HEARTH_THREAD_ATTRIBUTE(scoped_lockable)
#define HEARTH_GUARDED_BY(mutex) HEARTH_THREAD_ATTRIBUTE(guarded_by(mutex))
#define HEARTH_REQUIRES(...) HEARTH_THREAD_ATTRIBUTE(requires_capability(__VA_ARGS__))
#define HEARTH_EXCLUDES(...) HEARTH_THREAD_ATTRIBUTE(locks_excluded(__VA_ARGS__))
#define HEARTH_ACQUIRE(...) HEARTH_THREAD_ATTRIBUTE(acquire_capability(__VA_ARGS__))
#define HEARTH_RELEASE(...) HEARTH_THREAD_ATTRIBUTE(release_capability(__VA_ARGS__))
