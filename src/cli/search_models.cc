// SPDX-License-Identifier: Apache-2.0
// Loads the models of retrieval: see search_models.h. Their digests are remembered with the files'
// sizes and times, because reading all weights takes longer than loading them.
#include "search_models.h"

#include "cairn/base/files.h"

namespace cairn::cli {

namespace {

/// Encoder::digest, computed once for the same files.
Result<std::string> identity_of(Session& session, const std::filesystem::path& path,
                                const std::string& settings,
                                const std::function<std::string()>& compute) {
    std::error_code failure;
    const bool folder = std::filesystem::is_directory(path, failure);
    std::string key = "encoder " + path.string() + settings;
    for (const FileEntry& file : CAIRN_TRY(list_files(folder ? path : path.parent_path()))) {
        if (!folder && file.relative != path.filename().string()) continue;
        key += " " + std::to_string(file.size) + " " + std::to_string(file.modified_ns);
    }
    if (const auto known = CAIRN_TRY(session.store.meta(key))) return *known;
    const std::string identity = compute();
    CAIRN_TRY(session.store.set_meta(key, identity));
    return identity;
}

}  // namespace

Result<knowledge::SearchModels> search_models(Session& session) {
    if (session.loaded_search_models) return *session.loaded_search_models;
    const RetrievalConfig& config = session.config.retrieval;
    knowledge::SearchModels models;
    if (!config.embedder.empty()) {
        const auto path = CAIRN_TRY(session.model_path(config.embedder, "[retrieval] embedder"));
        auto loaded = engine::Embedder::load(path, session.threads);
        if (!loaded) return loaded.error().with_context("retrieval.embedder");
        models.embedder = *loaded;
        const bool named = !config.query_prefix.empty() || !config.passage_prefix.empty();
        if (named) models.embedder->set_prefixes(config.query_prefix, config.passage_prefix);
        const std::string prefixes =
            named ? " " + config.query_prefix + " " + config.passage_prefix : "";
        models.embedder_identity = CAIRN_TRY(
            identity_of(session, path, prefixes, [&] { return models.embedder->identity(); }));
    }
    if (!config.reranker.empty()) {
        const auto path = CAIRN_TRY(session.model_path(config.reranker, "[retrieval] reranker"));
        auto loaded = engine::Reranker::load(path, session.threads);
        if (!loaded) return loaded.error().with_context("retrieval.reranker");
        models.reranker = *loaded;
        models.reranker_identity = CAIRN_TRY(
            identity_of(session, path, "", [&] { return models.reranker->encoder().digest(); }));
    }
    session.loaded_search_models = models;
    return models;
}

Result<std::vector<serve::ServedModel>> served_encoders(Session& session) {
    const knowledge::SearchModels models = CAIRN_TRY(search_models(session));
    std::vector<serve::ServedModel> served;
    const auto add = [&](const engine::Encoder& encoder) -> serve::ServedModel& {
        serve::ServedModel& model = served.emplace_back();
        model.name = encoder.name();
        model.scenario = model.name;
        model.kind = serve::ModelKind::kEncoder;
        return model;
    };
    if (models.embedder != nullptr) add(models.embedder->encoder()).embedder = models.embedder;
    if (models.reranker != nullptr) add(models.reranker->encoder()).reranker = models.reranker;
    return served;
}

}  // namespace cairn::cli
