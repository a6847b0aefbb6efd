// SPDX-License-Identifier: Apache-2.0
// Mail (RFC 5322 and MIME) by GMime: the main headers, the plain body (or the HTML one as text),
// quoted replies as sections of their own, attachments listed and read when their type is known.
#include <gmime/gmime.h>

#include <memory>
#include <mutex>

#include "cairn/text/encoding.h"
#include "readers/readers.h"

namespace cairn::data {
namespace {

constexpr int kPartDepthMax = 16;
constexpr int kAttachmentDepthMax = 2;  // a mail in a mail in a mail

struct Unref {
    void operator()(void* object) const { g_object_unref(object); }
};
template <typename T>
using Owned = std::unique_ptr<T, Unref>;

struct FreeText {
    void operator()(char* text) const { g_free(text); }
};
using OwnedText = std::unique_ptr<char, FreeText>;

void initialise_once() {
    static std::once_flag flag;
    std::call_once(flag, [] { g_mime_init(); });
}

std::string part_bytes(GMimePart* part) {
    GMimeDataWrapper* content = g_mime_part_get_content(part);
    if (content == nullptr) {
        return {};
    }
    Owned<GMimeStream> memory(g_mime_stream_mem_new());
    if (g_mime_data_wrapper_write_to_stream(content, memory.get()) < 0) {
        return {};
    }
    GByteArray* bytes = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(memory.get()));
    return std::string(reinterpret_cast<const char*>(bytes->data), bytes->len);
}

/// The declared character set when it is known, else a guess.
std::string part_text(GMimePart* part) {
    std::string bytes = part_bytes(part);
    const char* charset = g_mime_object_get_content_type_parameter(GMIME_OBJECT(part), "charset");
    if (charset != nullptr) {
        Result<text::DecodedText> decoded = text::to_utf8(bytes, {charset, "declared", 0});
        if (decoded && decoded->replaced == 0) {
            return std::move(decoded->text);
        }
    }
    Result<text::DecodedText> guessed = text::to_utf8(bytes);
    return guessed ? std::move(guessed->text) : std::string();
}

bool has_type(GMimeObject* object, const char* type, const char* subtype) {
    return g_mime_content_type_is_type(g_mime_object_get_content_type(object), type, subtype) != 0;
}

bool is_attachment(GMimeObject* object) {
    const char* disposition = g_mime_object_get_disposition(object);
    return disposition != nullptr && std::string_view(disposition) == "attachment";
}

bool begins_quotation(std::string_view line) {
    return (line.starts_with("On ") && line.ends_with(" wrote:")) ||
           (line.starts_with("Am ") && line.ends_with(":") &&
            line.find(" schrieb") != std::string_view::npos) ||
           (line.starts_with("-----") && line.find("riginal") != std::string_view::npos);
}

/// The line without its "> > " marks.
std::string_view without_quote_marks(std::string_view line) {
    while (line.starts_with('>')) {
        line.remove_prefix(1);
        if (line.starts_with(' ')) {
            line.remove_prefix(1);
        }
    }
    return line;
}

void append_body(std::string_view body, DocumentBuilder& out) {
    out.raw("\n");
    while (!body.empty()) {
        std::size_t end = body.find('\n');
        std::string_view line = body.substr(0, end);
        body.remove_prefix(end == std::string_view::npos ? body.size() : end + 1);
        if (line.ends_with('\r')) {
            line.remove_suffix(1);
        }
        line = without_quote_marks(line);
        if (begins_quotation(trim(line))) {
            out.open_section(2, line);
        }
        out.raw(line);
        out.raw("\n");
    }
}

class MailWalker {
  public:
    MailWalker(const ReadRequest& request, DocumentBuilder& out) : request_(request), out_(out) {}

    void message(GMimeMessage* message, int depth) {
        const char* subject = g_mime_message_get_subject(message);
        if (depth == 0 && subject != nullptr) {
            out_.set_title(subject);
        }
        out_.open_section(1, subject == nullptr ? "Mail" : subject);
        header("Subject", subject);
        addresses("From", g_mime_message_get_from(message));
        addresses("To", g_mime_message_get_to(message));
        addresses("Cc", g_mime_message_get_cc(message));
        header("Date", g_mime_object_get_header(GMIME_OBJECT(message), "Date"));
        if (GMimeObject* body = g_mime_message_get_mime_part(message)) {
            part(body, depth + 1);
        }
    }

  private:
    void header(const char* name, const char* value) {
        if (value != nullptr && *value != '\0') {
            out_.line(std::string(name) + ": " + squeeze_space(value));
        }
    }

    void addresses(const char* name, InternetAddressList* list) {
        if (list != nullptr) {
            OwnedText text(internet_address_list_to_string(list, nullptr, FALSE));
            header(name, text.get());
        }
    }

    void part(GMimeObject* object, int depth) {
        if (depth > kPartDepthMax) {
            out_.note("parts nested deeper than " + std::to_string(kPartDepthMax) +
                      " were left out");
            return;
        }
        if (GMIME_IS_MULTIPART(object)) {
            multipart(GMIME_MULTIPART(object), depth);
        } else if (GMIME_IS_MESSAGE_PART(object)) {
            if (GMimeMessage* inner = g_mime_message_part_get_message(GMIME_MESSAGE_PART(object))) {
                out_.raw("\n");
                message(inner, depth + 1);
            }
        } else if (GMIME_IS_PART(object)) {
            leaf(GMIME_PART(object));
        }
    }

    void multipart(GMimeMultipart* parts, int depth) {
        int count = g_mime_multipart_get_count(parts);
        if (has_type(GMIME_OBJECT(parts), "multipart", "alternative") && count > 0) {
            part(best_alternative(parts, count), depth + 1);
            return;
        }
        for (int i = 0; i < count; ++i) {
            part(g_mime_multipart_get_part(parts, i), depth + 1);
        }
    }

    /// The plain text when it says anything, else the last and richest.
    static GMimeObject* best_alternative(GMimeMultipart* parts, int count) {
        for (int i = 0; i < count; ++i) {
            GMimeObject* object = g_mime_multipart_get_part(parts, i);
            if (GMIME_IS_PART(object) && has_type(object, "text", "plain") &&
                !trim(part_text(GMIME_PART(object))).empty()) {
                return object;
            }
        }
        return g_mime_multipart_get_part(parts, count - 1);
    }

    void leaf(GMimePart* part) {
        GMimeObject* object = GMIME_OBJECT(part);
        if (is_attachment(object) || !has_type(object, "text", "*")) {
            attachment(part);
        } else if (has_type(object, "text", "html")) {
            append_body(html_to_text(part_text(part)), out_);
        } else {
            append_body(part_text(part), out_);
        }
    }

    void attachment(GMimePart* part) {
        const char* given = g_mime_part_get_filename(part);
        std::string name = given == nullptr ? "without a name" : squeeze_space(given);
        std::string bytes = part_bytes(part);
        out_.heading(2, "Attachment: " + name);
        if (request_.depth >= kAttachmentDepthMax) {
            out_.line("(not read: attachments of attachments of attachments)");
            return;
        }
        Result<ReadOutcome> read =
            read_document({request_.source, name, bytes, request_.depth + 1});
        if (read) {
            out_.block(read->document.text);
        } else {
            out_.line("(not read: " + read.error().message + ")");
        }
    }

    const ReadRequest& request_;
    DocumentBuilder& out_;
};

}  // namespace

Status read_mail(const ReadRequest& request, DocumentBuilder& out) {
    initialise_once();
    Owned<GMimeStream> stream(
        g_mime_stream_mem_new_with_buffer(request.bytes.data(), request.bytes.size()));
    Owned<GMimeParser> parser(g_mime_parser_new_with_stream(stream.get()));
    Owned<GMimeMessage> message(g_mime_parser_construct_message(parser.get(), nullptr));
    if (message == nullptr || g_mime_message_get_mime_part(message.get()) == nullptr) {
        return make_error(Code::kInvalid, "expected a mail with headers and a body");
    }
    MailWalker(request, out).message(message.get(), 0);
    return {};
}

}  // namespace cairn::data
