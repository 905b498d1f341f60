#include "agent/runtimes/slot_preload.h"

#include "base/check.h"

namespace hearth::agent {
namespace {

// runMain is what node itself calls for `node FILE`, so that require.main, the kind of module and
// the frames of an uncaught error's stack are the same.
constexpr std::string_view kNode = R"js('use strict';
(() => {
  const fs = require('fs');
  const Module = require('module');
  fs.unlinkSync(__filename);
  process.stdout.write(''); process.stderr.write('');
  console.log.bind(console); console.error.bind(console);
  require('util').inspect({ a: [1], b: new Error('x') });
  require('util').format('%s %d %o', 'a', 1, {});
  require('timers'); require('events'); require('buffer'); require('path'); require('stream');
  const touched = new Module('/work/.touched', null);
  touched.filename = '/work/.touched';
  touched.paths = [];
  touched._compile('exports.x = [1].map((y) => y + 1); new Error("x").stack;', '/work/.touched');
  const byte = Buffer.alloc(1);
  fs.writeSync(3, 'R');
  if (fs.readSync(3, byte, 0, 1, null) !== 1) process.reallyExit(0);
  const words = fs.readFileSync(4, 'utf8').split('\0');
  fs.closeSync(4);
  words.pop();
  const count = Number(words.shift());
  process.argv = [process.argv[0], '/work/@FILE@', ...words.splice(0, count)];
  for (const name of Object.keys(process.env)) delete process.env[name];
  for (const word of words) {
    const at = word.indexOf('=');
    process.env[word.slice(0, at)] = word.slice(at + 1);
  }
  delete require.cache[__filename];
  process.mainModule = undefined;
  fs.writeSync(3, 'A');
  fs.closeSync(3);
  setImmediate(Module.runMain.bind(Module));
})();
)js";

constexpr std::string_view kPython = R"py(import os, sys, types, linecache, traceback
def hearth_slot():
    os.unlink(__file__)
    main = types.ModuleType('__main__')
    os.write(3, b'R')
    if os.read(3, 1) == b'':
        os._exit(0)
    with open(4, 'rb') as frame:
        words = frame.read().split(b'\0')[:-1]
    count = int(words[0])
    path = '/work/@FILE@'
    sys.argv[:] = [path] + [os.fsdecode(word) for word in words[1:count + 1]]
    os.environb.clear()
    for word in words[count + 1:]:
        name, _, value = word.partition(b'=')
        os.environb[name] = value
    os.write(3, b'A')
    os.close(3)
    main.__dict__.update(__file__=path, __builtins__=__builtins__, __annotations__={},
                         __cached__=None, __loader__=None, __spec__=None)
    sys.modules['__main__'] = main
    try:
        with open(path, 'rb') as file:
            code = file.read()
        exec(compile(code, path, 'exec', dont_inherit=True), main.__dict__)
    except SystemExit:
        raise
    except BaseException as error:
        # Without the frame of this file, as if the script had been started itself.
        inner = error.__traceback__.tb_next
        sys.excepthook(type(error), error.with_traceback(inner), inner)
        if isinstance(error, KeyboardInterrupt):
            import signal
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGINT)
        sys.exit(1)
hearth_slot()
)py";

}  // namespace

std::string slot_preload(const Language& language) {
  HEARTH_CHECK(language.warm != WarmKind::None, "a language that can be started ahead");
  constexpr std::string_view kMark = "@FILE@";
  std::string text(language.warm == WarmKind::Node ? kNode : kPython);
  text.replace(text.find(kMark), kMark.size(), language.file);
  return text;
}

}  // namespace hearth::agent
