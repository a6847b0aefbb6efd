// SPDX-License-Identifier: Apache-2.0
// A chat as the JSON that templates read, in the shapes that one template wants.
#pragma once

#include "cairn/text/chat_template.h"
#include "cairn/text/jinja.h"

namespace cairn::text {

/// Errors: kInvalid for an unknown role or JSON that is none.
Result<JinjaContext> chat_context(std::span<const ChatMessage> messages, const ChatOptions& options,
                                  const ChatAbilities& abilities, std::string_view bos,
                                  std::string_view eos);

/// Renders small chats to see what the template does. Errors: it renders none of them.
Result<ChatAbilities> probe_abilities(const JinjaTemplate& compiled, std::string_view bos,
                                      std::string_view eos);

}  // namespace cairn::text
