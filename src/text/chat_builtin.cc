// SPDX-License-Identifier: Apache-2.0
// Templates of widespread formats, for files that carry none. They are used only when somebody
// names one: a guessed format makes a model quietly worse.
#include <algorithm>
#include <array>

#include "cairn/text/chat_template.h"

namespace cairn::text {
namespace {

struct Builtin {
    std::string_view name;
    std::string_view source;
};

constexpr std::array kBuiltins = {
    Builtin{"chatml",
            "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + "
            "message['content'] + '<|im_end|>' + '\\n' }}{% endfor %}{% if add_generation_prompt %}"
            "{{ '<|im_start|>assistant\\n' }}{% endif %}"},
    Builtin{"llama2",
            "{% set ns = namespace(system='') %}{% for m in messages %}{% if m.role == 'system' %}"
            "{% set ns.system = '<<SYS>>\\n' + m.content + '\\n<</SYS>>\\n\\n' %}"
            "{% elif m.role == 'user' %}{{ bos_token + '[INST] ' + ns.system + m.content + ' "
            "[/INST]' }}"
            "{% set ns.system = '' %}"
            "{% else %}{{ ' ' + m.content + ' ' + eos_token }}{% endif %}{% endfor %}"},
    Builtin{"llama3",
            "{{ bos_token }}{% for m in messages %}{{ '<|start_header_id|>' + m.role + "
            "'<|end_header_id|>\\n\\n' + m.content|trim + '<|eot_id|>' }}{% endfor %}"
            "{% if add_generation_prompt %}"
            "{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}"},
    Builtin{"mistral",
            "{{ bos_token }}{% set ns = namespace(system='') %}{% for m in messages %}"
            "{% if m.role == 'system' %}{% set ns.system = m.content + '\\n\\n' %}"
            "{% elif m.role == 'user' %}{{ '[INST] ' + ns.system + m.content + ' [/INST]' }}"
            "{% set ns.system = '' %}"
            "{% else %}{{ ' ' + m.content + eos_token }}{% endif %}{% endfor %}"},
    Builtin{"gemma",
            "{{ bos_token }}{% set ns = namespace(system='') %}{% for m in messages %}"
            "{% if m.role == 'system' %}{% set ns.system = m.content|trim + '\\n\\n' %}{% else %}"
            "{{ '<start_of_turn>' + ('model' if m.role == 'assistant' else m.role) + '\\n' + "
            "ns.system + m.content|trim + '<end_of_turn>\\n' }}{% set ns.system = '' %}"
            "{% endif %}{% endfor %}"
            "{% if add_generation_prompt %}{{ '<start_of_turn>model\\n' }}{% endif %}"},
    Builtin{"phi3",
            "{% for m in messages %}{{ '<|' + m.role + '|>\\n' + m.content + '<|end|>\\n' }}"
            "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% endif %}"},
    Builtin{"zephyr",
            "{% for m in messages %}{{ '<|' + m.role + '|>\\n' + m.content + eos_token + '\\n' }}"
            "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% endif %}"},
    Builtin{"deepseek",
            "{{ bos_token }}{% for m in messages %}{% if m.role == 'system' %}"
            "{{ m.content + '\\n\\n' }}"
            "{% elif m.role == 'user' %}{{ 'User: ' + m.content + '\\n\\n' }}"
            "{% else %}{{ 'Assistant: ' + m.content + eos_token }}{% endif %}{% endfor %}"
            "{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}"},
    Builtin{"vicuna",
            "{{ bos_token }}{% for m in messages %}{% if m.role == 'system' %}"
            "{{ m.content + '\\n\\n' }}"
            "{% elif m.role == 'user' %}{{ 'USER: ' + m.content + '\\n' }}"
            "{% else %}{{ 'ASSISTANT: ' + m.content + eos_token + '\\n' }}{% endif %}{% endfor %}"
            "{% if add_generation_prompt %}{{ 'ASSISTANT:' }}{% endif %}"},
};

}  // namespace

std::vector<std::string_view> builtin_templates() {
    std::vector<std::string_view> names;
    for (const Builtin& builtin : kBuiltins) {
        names.push_back(builtin.name);
    }
    return names;
}

std::string_view builtin_template(std::string_view name) {
    const auto* found = std::find_if(kBuiltins.begin(), kBuiltins.end(),
                                     [&](const Builtin& b) { return b.name == name; });
    return found == kBuiltins.end() ? std::string_view() : found->source;
}

}  // namespace cairn::text
