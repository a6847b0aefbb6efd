// SPDX-License-Identifier: Apache-2.0
// Entries of the store: see model_store.h. Whatever is made is made below .partial and gets its
// name by one rename.
#include "cairn/operate/model_store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "cairn/base/clock.h"
#include "cairn/base/files.h"
#include "cairn/base/hash.h"
#include "cairn/base/limits.h"
#include "cairn/format/gguf.h"
#include "cairn/format/safetensors.h"
#include "cairn/text/json.h"
#include "hub_client.h"

namespace cairn::operate {

namespace fs = std::filesystem;

namespace {

constexpr const char* kManifest = "model.json";
constexpr const char* kPartial = ".partial";
constexpr std::uint64_t kManifestBytesMax = 16 * limits::kMiB;
constexpr std::uint64_t kDescriptionBytesMax = 64 * limits::kMiB;  // the largest tokenizer.json: 35
constexpr std::size_t kCommitShown = 12;

/// Held while an entry is made; the system lets go of it when the process ends.
class EntryLock {
  public:
    static Result<EntryLock> take(const fs::path& file) {
        const int descriptor = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
        if (descriptor < 0) return errno_error(file.string(), errno);
        if (::flock(descriptor, LOCK_EX | LOCK_NB) == 0) return EntryLock(descriptor);
        ::close(descriptor);
        return make_error(Code::kUnavailable, "another process is storing this model just now",
                          "wait until it is done");
    }
    EntryLock(EntryLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
    EntryLock& operator=(EntryLock&&) = delete;
    ~EntryLock() {
        if (descriptor_ >= 0) ::close(descriptor_);
    }

  private:
    explicit EntryLock(int descriptor) : descriptor_(descriptor) {}
    int descriptor_;
};

/// A folder's name from any text: other characters become '-'.
std::string as_name(std::string_view text) {
    std::string name;
    for (const char c : text) {
        const bool plain =
            std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '_' || c == '-';
        name += c == '/' ? "--" : std::string(1, plain ? c : '-');
    }
    while (name.starts_with('.') || name.starts_with('-'))
        name.erase(0, 1);
    return name.substr(0, 200);
}

Result<StoredModel> from_json(const nlohmann::json& json) {
    StoredModel model;
    model.id = CAIRN_TRY(text::get_string(json, "id"));
    model.source = CAIRN_TRY(text::get_string(json, "source"));
    const std::string reference = CAIRN_TRY(text::get_string_or(json, "reference", ""));
    if (!reference.empty()) model.reference = CAIRN_TRY(parse_hub_reference(reference));
    model.commit = CAIRN_TRY(text::get_string_or(json, "commit", ""));
    model.hub = CAIRN_TRY(text::get_string_or(json, "hub", ""));
    model.choice = CAIRN_TRY(text::get_string_or(json, "choice", ""));
    model.entry = CAIRN_TRY(text::get_string(json, "entry"));
    model.licence = CAIRN_TRY(text::get_string_or(json, "licence", "unknown"));
    model.licence_link = CAIRN_TRY(text::get_string_or(json, "licence_link", ""));
    model.stored_ms = CAIRN_TRY(text::get_int_or(json, "stored_ms", 0));
    model.linked = CAIRN_TRY(text::get_bool_or(json, "linked", false));
    if (model.entry != "." && !is_safe_path(model.entry)) {
        return make_error(Code::kInvalid, "entry: expected a file of the model");
    }
    const auto files = json.find("files");
    if (files == json.end() || !files->is_array()) {
        return make_error(Code::kInvalid, "files: expected a list, found none");
    }
    for (const auto& item : *files) {
        FetchedFile file;
        file.path = CAIRN_TRY(text::get_string(item, "path"));
        file.bytes = static_cast<std::uint64_t>(CAIRN_TRY(text::get_int(item, "bytes")));
        file.sha256 = CAIRN_TRY(text::get_string(item, "sha256"));
        if (!is_safe_path(file.path)) return make_error(Code::kInvalid, "files: not a safe name");
        model.files.push_back(std::move(file));
    }
    return model;
}

Result<StoredModel> read_entry(const fs::path& folder) {
    const auto read = [&]() -> Result<StoredModel> {
        const std::string text = CAIRN_TRY(read_file(folder / kManifest, kManifestBytesMax));
        const nlohmann::json json = CAIRN_TRY(text::parse_json(text));
        return from_json(json);
    };
    auto model = read();
    if (!model) return model.error().with_context((folder / kManifest).string());
    model->id = folder.filename().string();  // the folder is what is there
    return model;
}

/// Does an entry answer to this reference?
bool answers(const StoredModel& model, const HubReference& wanted) {
    if (model.reference.repository != wanted.repository) return false;
    const bool revision =
        wanted.revision.empty() || wanted.revision == model.reference.revision ||
        (wanted.revision.size() >= 7 && model.commit.starts_with(wanted.revision));
    const auto same = [](std::string_view a, std::string_view b) {
        return std::ranges::equal(a, b, [](unsigned char x, unsigned char y) {
            return std::tolower(x) == std::tolower(y);
        });
    };
    const bool selection = wanted.selection.empty() || same(wanted.selection, model.choice) ||
                           wanted.selection == model.entry ||
                           wanted.selection == model.reference.selection;
    return revision && selection;
}

Result<std::string> file_sha256(const fs::path& path, Progress& progress) {
    const auto mapped = CAIRN_TRY(MappedFile::open(path));
    const std::string_view bytes(reinterpret_cast<const char*>(mapped.bytes().data()),
                                 mapped.bytes().size());
    Sha256 hash;
    for (std::size_t at = 0; at < bytes.size(); at += limits::kMiB) {
        if (interrupted()) return make_error(Code::kCancelled, "stopped by the user");
        const std::string_view step = bytes.substr(at, limits::kMiB);
        hash.add(step);
        progress.advance(static_cast<std::int64_t>(step.size()), path.filename().string());
    }
    return hash.hex();
}

/// What of a folder on disk is a model: the same choice as among a hub's files.
Result<HubChoice> choose_local(const fs::path& path, HubModel& found) {
    std::error_code failed;
    const bool folder = fs::is_directory(path, failed);
    if (!folder && !path.string().ends_with(".gguf")) {
        return make_error(Code::kUnsupported,
                          path.string() + ": expected a .gguf file or a folder with safetensors",
                          "pickles (.bin, .pt) are refused: they can run code when opened");
    }
    const fs::path root = folder ? path : path.parent_path().empty() ? "." : path.parent_path();
    for (const FileEntry& entry : CAIRN_TRY(list_files(root, {".git", ".cache"}))) {
        // Hub caches hold links; those that stay inside are files like others.
        if (!entry.problem.empty() || !is_safe_path(entry.relative)) continue;
        HubFile file;
        file.path = entry.relative;
        file.bytes = entry.size;
        found.files.push_back(std::move(file));
    }
    found.reference.repository = path.string();
    return choose(found, folder ? "" : path.filename().string());
}

Status copy_or_link(const fs::path& from, const fs::path& to, bool link) {
    CAIRN_TRY(make_folders(to.parent_path()));
    std::error_code failed;
    fs::remove(to, failed);
    if (link) {
        fs::create_symlink(fs::absolute(from), to, failed);
    } else {
        fs::copy_file(from, to, failed);
    }
    if (failed) return errno_error("storing " + to.string(), failed.value());
    if (link) return {};
    const int descriptor = ::open(to.c_str(), O_RDONLY | O_CLOEXEC);
    const bool synced = descriptor >= 0 && ::fsync(descriptor) == 0;
    const int problem = errno;
    if (descriptor >= 0) ::close(descriptor);
    return synced ? Status() : Status(errno_error("storing " + to.string(), problem));
}

}  // namespace

std::uint64_t StoredModel::bytes() const {
    std::uint64_t total = 0;
    for (const FetchedFile& file : files)
        total += file.bytes;
    return total;
}

std::string StoredModel::digest() const {
    Sha256 hash;
    for (const FetchedFile& file : files)
        hash.field(file.path).field(file.sha256);
    return hash.hex();
}

nlohmann::json StoredModel::to_json() const {
    nlohmann::json list = nlohmann::json::array();
    for (const FetchedFile& file : files)
        list.push_back({{"path", file.path}, {"bytes", file.bytes}, {"sha256", file.sha256}});
    return {{"id", id},
            {"source", source},
            {"reference", reference.repository.empty() ? "" : reference.text()},
            {"commit", commit},
            {"hub", hub},
            {"choice", choice},
            {"entry", entry},
            {"licence", licence},
            {"licence_link", licence_link},
            {"stored_ms", stored_ms},
            {"linked", linked},
            {"bytes", bytes()},
            {"digest", digest()},
            {"files", list}};
}

Result<ModelStore> ModelStore::open(fs::path folder) {
    const auto from = [](const char* name, const char* below) {
        const char* value = std::getenv(name);
        return value == nullptr || *value == '\0' ? fs::path() : fs::path(value) / below;
    };
    if (folder.empty()) folder = from("CAIRN_MODELS", ".");
    if (folder.empty()) folder = from("XDG_DATA_HOME", "cairn/models");
    if (folder.empty()) folder = from("HOME", ".local/share/cairn/models");
    if (folder.empty()) {
        return make_error(Code::kInvalid, "expected a folder for models, found no home folder",
                          "set CAIRN_MODELS or give --store FOLDER");
    }
    std::error_code failed;
    const fs::path absolute = fs::absolute(folder, failed);
    return failed
               ? Result<ModelStore>(errno_error(folder.string(), failed.value()))
               : Result<ModelStore>(ModelStore((absolute / "").lexically_normal().parent_path()));
}

Result<std::vector<StoredModel>> ModelStore::list() const {
    std::vector<StoredModel> models;
    std::error_code failed;
    if (!fs::exists(folder_, failed)) return models;
    fs::directory_iterator items(folder_, failed);
    for (const fs::directory_iterator end; !failed && items != end; items.increment(failed)) {
        if (items->path().filename().string().starts_with('.')) continue;
        if (!fs::exists(items->path() / kManifest, failed)) continue;  // not ours
        models.push_back(CAIRN_TRY(read_entry(items->path())));
    }
    if (failed) return errno_error(folder_.string(), failed.value());
    std::ranges::sort(models, {}, &StoredModel::id);
    return models;
}

Result<StoredModel> ModelStore::find(std::string_view name) const {
    const std::vector<StoredModel> models = CAIRN_TRY(list());
    constexpr std::string_view kStored = "model:";
    if (name.starts_with(kStored)) name.remove_prefix(kStored.size());
    const bool on_hub = name.starts_with("hf:");
    HubReference wanted;
    if (on_hub) wanted = CAIRN_TRY(parse_hub_reference(name));
    const StoredModel* best = nullptr;
    for (const StoredModel& model : models) {
        if (on_hub ? !answers(model, wanted) : model.id != name) continue;
        if (best == nullptr || model.stored_ms >= best->stored_ms) best = &model;
    }
    if (best != nullptr) return *best;
    return make_error(
        Code::kNotFound, fmt::format("the model {} is not in {}", name, folder_.string()),
        on_hub ? fmt::format("run `cairn models pull {0}`, or without a network `cairn models "
                             "import FOLDER --name {0}`",
                             name)
               : "`cairn models list` shows what is there");
}

fs::path ModelStore::path(const StoredModel& model) const {
    const fs::path files = folder_ / model.id / "files";
    return model.entry == "." ? files : files / model.entry;
}

Status ModelStore::publish(StoredModel& model, const fs::path& partial) {
    const auto checked = check_model_files(partial / "files", model.files);
    if (!checked) return checked;
    model.stored_ms = utc_ms();
    const fs::path final = folder_ / model.id;
    CAIRN_TRY(write_file_atomic(partial / kManifest, text::dump_json(model.to_json(), 2) + "\n"));
    std::error_code failed;
    fs::remove_all(final, failed);  // an entry without a manifest, or one that is replaced
    fs::rename(partial, final, failed);
    if (failed) return errno_error("storing " + final.string(), failed.value());
    const int descriptor = ::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor >= 0) {
        ::fsync(descriptor);
        ::close(descriptor);
    }
    return {};
}

Result<StoredModel> ModelStore::pull(const HubModel& model, const HubChoice& choice,
                                     const HubOptions& hub, const PullOptions& options) {
    StoredModel stored;
    stored.source = "hf";
    stored.reference = model.reference;
    stored.commit = model.commit;
    stored.hub = hub.address;
    stored.choice = choice.name;
    stored.entry = choice.entry;
    stored.licence = model.licence;
    stored.licence_link = model.licence_link;
    stored.id = as_name(model.reference.repository + "/" + choice.name + "/" +
                        model.commit.substr(0, kCommitShown));
    CAIRN_TRY(make_folders(folder_ / kPartial));
    const auto lock = CAIRN_TRY(EntryLock::take(folder_ / kPartial / (stored.id + ".lock")));
    if (auto there = read_entry(folder_ / stored.id); there && there->commit == model.commit) {
        return there;
    }
    const fs::path partial = folder_ / kPartial / stored.id;
    stored.files = CAIRN_TRY(fetch_files(model, choice.files, partial / "files", hub, options));
    CAIRN_TRY(publish(stored, partial));
    return stored;
}

Result<StoredModel> ModelStore::import(const fs::path& path, const ImportOptions& options) {
    HubModel found;
    const HubChoice choice = CAIRN_TRY(choose_local(path, found));
    std::error_code failed;
    const fs::path root = fs::is_directory(path, failed) ? path : path.parent_path();
    StoredModel stored;
    stored.source = "import";
    stored.hub = fs::absolute(path, failed).string();
    stored.choice = choice.name;
    stored.entry = choice.entry;
    stored.linked = options.link;
    if (options.name.starts_with("hf:")) {
        stored.reference = CAIRN_TRY(parse_hub_reference(options.name));
        const std::string& revision = stored.reference.revision;
        if (revision.size() == 40) stored.commit = revision;
        stored.id = as_name(stored.reference.repository + "/" + choice.name + "/" +
                            (revision.empty() ? "imported" : revision.substr(0, kCommitShown)));
    } else {
        const fs::path plain = fs::absolute(path, failed).lexically_normal();
        stored.id = as_name(options.name.empty() ? plain.stem().string() : options.name);
    }
    if (stored.id.empty()) return make_error(Code::kInvalid, "expected a name for the model");
    if (fs::exists(folder_ / stored.id / kManifest, failed)) {
        return make_error(Code::kExists, "a model is called '" + stored.id + "' already",
                          "give another --name, or run `cairn models rm " + stored.id + "` first");
    }
    CAIRN_TRY(make_folders(folder_ / kPartial));
    const auto lock = CAIRN_TRY(EntryLock::take(folder_ / kPartial / (stored.id + ".lock")));
    const fs::path partial = folder_ / kPartial / stored.id;
    fs::remove_all(partial, failed);  // an import that was killed begins again
    Progress progress(options.progress, "import", static_cast<std::int64_t>(choice.bytes), "bytes");
    for (const HubFile& file : choice.files) {
        CAIRN_TRY(copy_or_link(root / file.path, partial / "files" / file.path, options.link));
        const std::string digest = CAIRN_TRY(file_sha256(partial / "files" / file.path, progress));
        stored.files.push_back({file.path, file.bytes, digest});
    }
    progress.finish();
    if (stored.entry.ends_with(".gguf")) {
        const auto file = CAIRN_TRY(format::GgufFile::open(partial / "files" / stored.entry));
        stored.licence = CAIRN_TRY(file.get_string_or("general.license", stored.licence));
    }
    CAIRN_TRY(publish(stored, partial));
    return stored;
}

Result<std::vector<std::string>> ModelStore::verify(const StoredModel& model,
                                                    ProgressSink sink) const {
    std::vector<std::string> bad;
    Progress progress(std::move(sink), "verify", static_cast<std::int64_t>(model.bytes()), "bytes");
    for (const FetchedFile& file : model.files) {
        const auto digest = file_sha256(folder_ / model.id / "files" / file.path, progress);
        if (!digest && digest.error().code == Code::kCancelled) return digest.error();
        if (!digest) {
            bad.push_back(file.path + ": " + digest.error().message);
        } else if (*digest != file.sha256) {
            bad.push_back(file.path + ": expected SHA-256 " + file.sha256 + ", found " + *digest);
        }
    }
    if (!bad.empty()) return bad;
    const auto checked = check_model_files(folder_ / model.id / "files", model.files);
    if (!checked) bad.push_back(checked.error().message);
    return bad;
}

Status ModelStore::remove(const StoredModel& model) {
    CAIRN_TRY(make_folders(folder_ / kPartial));
    const fs::path trash = folder_ / kPartial / (model.id + ".removed");
    std::error_code failed;
    fs::remove_all(trash, failed);
    fs::rename(folder_ / model.id, trash, failed);  // one step: gone, or still there
    if (failed) return errno_error("removing " + model.id, failed.value());
    fs::remove_all(trash, failed);
    return {};
}

Result<std::vector<FetchedFile>> read_model_files(const fs::path& path, ProgressSink sink) {
    HubModel found;
    const HubChoice choice = CAIRN_TRY(choose_local(path, found));
    std::error_code failed;
    const fs::path root = fs::is_directory(path, failed) ? path : path.parent_path();
    Progress progress(std::move(sink), "verify", static_cast<std::int64_t>(choice.bytes), "bytes");
    std::vector<FetchedFile> files;
    for (const HubFile& file : choice.files) {
        const std::string digest = CAIRN_TRY(file_sha256(root / file.path, progress));
        files.push_back({file.path, file.bytes, digest});
    }
    progress.finish();
    CAIRN_TRY(check_model_files(root, files));
    return files;
}

Status check_model_files(const fs::path& folder, const std::vector<FetchedFile>& files) {
    for (const FetchedFile& file : files) {
        const fs::path path = folder / file.path;
        const bool later_shard = file.path.find("-of-") != std::string::npos &&
                                 file.path.find("-00001-of-") == std::string::npos;
        if (file.path.ends_with(".gguf") && !later_shard) CAIRN_TRY(format::GgufFile::open(path));
        if (file.path.ends_with(".safetensors")) CAIRN_TRY(format::SafetensorsFile::open(path));
        if (!file.path.ends_with(".json")) continue;
        const std::string text = CAIRN_TRY(read_file(path, kDescriptionBytesMax));
        const auto json = text::parse_json(text);
        if (!json) return json.error().with_context(path.string());
    }
    return {};
}

}  // namespace cairn::operate
