// What this front door takes from front/http as if it were its own. Private to it.
#pragma once

#include "front/http/answers.h"
#include "front/http/base64.h"
#include "front/http/door.h"
#include "front/http/json_fields.h"
#include "front/http/query.h"
#include "front/http/route.h"

namespace hearth::rest {

using front::bad_parameter;
using front::Call;
using front::check_empty_body;
using front::check_names;
using front::Door;
using front::DoorOptions;
using front::field_too_large;
using front::FieldPath;
using front::flag_parameter;
using front::integer_parameter;
using front::json_response;
using front::kSessionCookie;
using front::no_such_job;
using front::Presented;
using front::presented_by;
using front::read_array;
using front::read_boolean;
using front::read_environment;
using front::read_integer;
using front::read_labels;
using front::read_milliseconds;
using front::read_number;
using front::read_object;
using front::read_text;
using front::read_word;
using front::refusal_response;
using front::text_parameter;
using front::TextRule;
using front::to_base64;
using front::unknown_field;
using front::wrong_type;

}  // namespace hearth::rest
