#pragma once

#include <nats/nats.h>

#include <memory>
#include <string>

#include "loopbridge/clients/nats.hpp"

namespace loopbridge::clients {

struct destroy_native {
  void operator()(natsMsg* m) const noexcept { natsMsg_Destroy(m); }
};
using native_message = std::unique_ptr<natsMsg, destroy_native>;

nats_message from_native(natsMsg* m);
native_message to_native(const nats_message& m, const std::string& reply);

/// Throws std::bad_alloc, or an error that names what nats.c says.
void check(natsStatus s);

/// Throws std::invalid_argument for a message that the protocol cannot carry.
void check(const nats_message& m);
/// For a subject or queue that is subscribed to; there may be wildcards.
void check_subject(const std::string& subject, bool wildcards);

/// The beginning of the subjects that answers come to.
std::string make_inbox();
/// Throws std::invalid_argument for options that make no sense.
void check(const nats_options& o);
/// The servers, for messages.
std::string peer_of(const nats_options& options);
natsOptions* make_native(const nats_options& options);

}  // namespace loopbridge::clients
