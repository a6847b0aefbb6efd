// SPDX-License-Identifier: Apache-2.0
// From live releases to things that answer: adapters from blobs, assistants over the index.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cairn/apps/assistant.h"
#include "cairn/engine/adapter.h"
#include "cairn/serve/service.h"
#include "session.h"

namespace cairn::cli {

/// An answer with its sources, for a terminal.
std::string answer_text(const apps::Answer& answer);

/// The adapter stored as a blob; null for an empty digest.
Result<std::shared_ptr<const engine::Adapter>> load_adapter(Session& session,
                                                            const std::string& digest,
                                                            const engine::Model& model);

/// An assistant that answers from one generation of the index.
Result<std::shared_ptr<apps::Assistant>> open_assistant(Session& session,
                                                        const std::string& index_digest,
                                                        const apps::AssistantSettings& settings);

/// What clients may ask for: one model per live release, then the base.
Result<std::vector<serve::ServedModel>> served_models(Session& session);

/// What clients call the base: "Qwen/Qwen3-0.6B" of "hf:Qwen/Qwen3-0.6B@...:Q8_0", the file's name
/// without folders and ending, a stored model's name.
std::string name_of_base(std::string_view reference);

/// The served model called `name`; empty: the first one of `kind`, if that is given, else the
/// first. Errors: kNotFound.
Result<serve::ServedModel> choose_model(Session& session, const std::string& name,
                                        const serve::ModelKind* kind = nullptr);

}  // namespace cairn::cli
