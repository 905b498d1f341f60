#!/usr/bin/env python3
"""Turns the contract into what the program carries: embed.py hearth.yaml out.json out.cc"""
import json
import sys

import yaml

CHUNK = 8000  # compilers bound the length of one string literal


def main() -> None:
    source, json_path, code_path = sys.argv[1:]
    with open(source, encoding="utf-8") as file:
        contract = yaml.safe_load(file)
    text = json.dumps(contract, ensure_ascii=True, separators=(",", ":"))
    with open(json_path, "w", encoding="utf-8") as file:
        file.write(text)
    chunks = [text[at : at + CHUNK] for at in range(0, len(text), CHUNK)]
    with open(code_path, "w", encoding="utf-8") as file:
        file.write("// Made from openapi/hearth.yaml by openapi/embed.py.\n")
        file.write('#include "front/http/openapi_json.h"\n\n#include <string>\n\n')
        file.write("namespace hearth::front {\n\nstd::string_view openapi_json() {\n")
        file.write("  static const std::string kContract = [] {\n    std::string text;\n")
        for chunk in chunks:
            file.write(f'    text += R"openapi({chunk})openapi";\n')
        file.write("    return text;\n  }();\n  return kContract;\n}\n\n}  // namespace hearth::front\n")


if __name__ == "__main__":
    main()
