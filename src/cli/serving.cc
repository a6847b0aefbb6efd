// SPDX-License-Identifier: Apache-2.0
// Loads what live releases name by digest: see serving.h.
#include "serving.h"

#include "cairn/base/log.h"
#include "cairn/operate/releases.h"
#include "cairn/text/json.h"
#include "search_models.h"

namespace cairn::cli {

namespace {

Result<serve::ServedModel> open_release(Session& session, const operate::Release& release) {
    const operate::Manifest& manifest = release.manifest;
    const std::string base = CAIRN_TRY(session.base_model_digest());
    if (manifest.base_digest != base) {
        return make_error(Code::kUnsupported,
                          "release " + release.id + " was made with another base model (" +
                              manifest.base_digest.substr(0, 12) + ", found " + base.substr(0, 12) +
                              ")",
                          "run `cairn up` to make a release for this one");
    }
    serve::ServedModel model;
    model.name = manifest.scenario;
    model.scenario = manifest.scenario;
    model.release = release.id;
    model.created_ms = release.created_ms;
    if (manifest.kind == "style") {
        model.kind = serve::ModelKind::kStyle;
        auto scheduler = CAIRN_TRY(session.scheduler());
        model.adapter =
            CAIRN_TRY(load_adapter(session, manifest.adapter_digest, *scheduler->model()));
        return model;
    }
    model.kind = serve::ModelKind::kQa;
    const auto settings = CAIRN_TRY(text::parse_json(manifest.settings));
    auto assistant = CAIRN_TRY(open_assistant(session, manifest.index_digest,
                                              CAIRN_TRY(apps::settings_from_json(settings))));
    const ScenarioConfig* scenario = CAIRN_TRY(session.scenario(manifest.scenario));
    model.answer = [assistant, sources = scenario->sources](const apps::AssistantRequest& asked) {
        apps::AssistantRequest request = asked;
        request.sources = sources;
        return assistant->answer(request);
    };
    return model;
}

}  // namespace

Result<std::shared_ptr<const engine::Adapter>> load_adapter(Session& session,
                                                            const std::string& digest,
                                                            const engine::Model& model) {
    if (digest.empty()) return std::shared_ptr<const engine::Adapter>();
    (void)CAIRN_TRY(
        session.store.blobs().get(digest));  // checks that the file is what its name says
    return engine::Adapter::load(CAIRN_TRY(session.store.blobs().path(digest)), model);
}

Result<std::shared_ptr<apps::Assistant>> open_assistant(Session& session,
                                                        const std::string& index_digest,
                                                        const apps::AssistantSettings& settings) {
    knowledge::Index index = CAIRN_TRY(index_files(session).open(index_digest));
    CAIRN_TRY(index.use(CAIRN_TRY(search_models(session))));
    return std::make_shared<apps::Assistant>(std::move(index), CAIRN_TRY(session.scheduler()),
                                             nullptr, settings);
}

std::string name_of_base(std::string_view reference) {
    if (reference.starts_with("model:")) return std::string(reference.substr(6));
    if (reference.starts_with("file:")) {
        const std::filesystem::path path(reference.substr(5));
        return path.extension() == ".gguf" ? path.stem().string() : path.filename().string();
    }
    if (reference.starts_with("hf:")) reference = reference.substr(3, reference.find('@') - 3);
    return std::string(reference.substr(0, reference.find(':')));
}

Result<std::vector<serve::ServedModel>> served_models(Session& session) {
    auto releases = CAIRN_TRY(operate::Releases::open(session.store.database()));
    std::vector<serve::ServedModel> models;
    for (const ScenarioConfig& scenario : session.config.scenarios) {
        const auto live = CAIRN_TRY(releases.live(scenario.name));
        if (!live) {
            spdlog::warn("scenario '{}' has no release yet: run `cairn up`", scenario.name);
            continue;
        }
        models.push_back(CAIRN_TRY(open_release(session, *live)));
    }
    serve::ServedModel base;
    base.name = name_of_base(session.config.base_model);
    base.scenario = base.name;
    models.push_back(base);
    for (serve::ServedModel& encoder : CAIRN_TRY(served_encoders(session))) {
        models.push_back(std::move(encoder));
    }
    return models;
}

Result<serve::ServedModel> choose_model(Session& session, const std::string& name,
                                        const serve::ModelKind* kind) {
    std::string known;
    for (serve::ServedModel& model : CAIRN_TRY(served_models(session))) {
        const bool fits = kind == nullptr || model.kind == *kind;
        if (fits && (name.empty() || model.name == name)) return std::move(model);
        if (fits) known += (known.empty() ? "" : ", ") + model.name;
    }
    return make_error(Code::kNotFound,
                      name.empty() ? std::string("nothing of this kind is released")
                                   : "nothing that is released is called '" + name + "'",
                      known.empty() ? "run `cairn up` first" : "there is: " + known);
}

}  // namespace cairn::cli
