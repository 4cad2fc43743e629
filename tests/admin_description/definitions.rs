//! The definitions of the admin API, with their comments.

use std::collections::BTreeMap;

use doorward::admin::proto::DESCRIPTORS;
use prost::Message as _;
use prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto, FileDescriptorSet,
    MessageOptions, ServiceDescriptorProto,
};

const PACKAGE: &str = "doorward.admin.v1";

/// All messages, enumerations and services, by their full names.
pub(crate) struct Definitions {
    pub(crate) messages: BTreeMap<String, Message>,
    enums: BTreeMap<String, EnumDescriptorProto>,
    pub(crate) services: Vec<Service>,
    uncommented: Vec<String>,
}

/// A message.
pub(crate) struct Message {
    /// Its name within the package, such as `Key` or `Session.Membership`.
    pub(crate) name: String,
    pub(crate) comment: String,
    pub(crate) fields: Vec<Field>,
    /// Whether it only stands for the entries of a map.
    pub(crate) is_entry: bool,
}

/// A field of a message.
pub(crate) struct Field {
    pub(crate) of: FieldDescriptorProto,
    pub(crate) comment: String,
}

impl Field {
    /// Whether nobody but the answer fills it.
    pub(crate) fn is_output_only(&self) -> bool {
        self.comment.ends_with("Output only.")
    }
}

/// A service.
pub(crate) struct Service {
    pub(crate) name: String,
    pub(crate) comment: String,
    pub(crate) methods: Vec<Method>,
}

/// A method.
#[derive(Clone)]
pub(crate) struct Method {
    /// Its path over gRPC.
    pub(crate) path: String,
    pub(crate) comment: String,
    /// The full names of its messages.
    pub(crate) request: String,
    pub(crate) answer: String,
}

impl Definitions {
    pub(crate) fn read() -> Self {
        let set = FileDescriptorSet::decode(DESCRIPTORS).expect("definitions");
        let mut all = Self {
            messages: BTreeMap::new(),
            enums: BTreeMap::new(),
            services: Vec::new(),
            uncommented: Vec::new(),
        };
        for file in set.file.iter().filter(|file| file.package() == PACKAGE) {
            let comments = Comments::of(file);
            for (at, message) in file.message_type.iter().enumerate() {
                all.take_message("", message, &[4, index(at)], &comments);
            }
            for (at, service) in file.service.iter().enumerate() {
                all.take_service(service, index(at), &comments);
            }
        }
        all
    }

    fn take_message(&mut self, within: &str, message: &DescriptorProto, path: &[i32], comments: &Comments) {
        let name = format!("{within}{}", message.name());
        let is_entry = message.options.as_ref().is_some_and(MessageOptions::map_entry);
        let fields = message.field.iter().enumerate().map(|(at, field)| {
            let comment = comments.at(&[path, &[2, index(at)]].concat());
            if comment.is_empty() && !is_entry {
                self.uncommented.push(format!("{name}.{}", field.name()));
            }
            Field { of: field.clone(), comment }
        });
        let fields = fields.collect();
        for (at, inner) in message.nested_type.iter().enumerate() {
            self.take_message(&format!("{name}."), inner, &[path, &[3, index(at)]].concat(), comments);
        }
        for (at, inner) in message.enum_type.iter().enumerate() {
            let path = [path, &[4, index(at)]].concat();
            let values = (0..inner.value.len()).map(|value| [path.as_slice(), &[2, index(value)]].concat());
            if values.chain([path.clone()]).any(|path| comments.at(&path).is_empty()) {
                self.uncommented.push(format!("{name}.{}", inner.name()));
            }
            self.enums.insert(format!(".{PACKAGE}.{name}.{}", inner.name()), inner.clone());
        }
        let comment = comments.at(path);
        if comment.is_empty() && !is_entry {
            self.uncommented.push(name.clone());
        }
        self.messages.insert(format!(".{PACKAGE}.{name}"), Message { name, comment, fields, is_entry });
    }

    fn take_service(&mut self, service: &ServiceDescriptorProto, at: i32, comments: &Comments) {
        let methods = service.method.iter().enumerate().map(|(number, method)| {
            let comment = comments.at(&[6, at, 2, index(number)]);
            if comment.is_empty() {
                self.uncommented.push(method.name().to_owned());
            }
            Method {
                path: format!("/{PACKAGE}.{}/{}", service.name(), method.name()),
                comment,
                request: method.input_type().to_owned(),
                answer: method.output_type().to_owned(),
            }
        });
        let methods = methods.collect();
        let (name, comment) = (service.name().to_owned(), comments.at(&[6, at]));
        self.services.push(Service { name, comment, methods });
    }

    pub(crate) fn methods(&self) -> impl Iterator<Item = Method> {
        self.services.iter().flat_map(|service| &service.methods).cloned()
    }

    /// The method with this path over gRPC.
    pub(crate) fn method(&self, path: &str) -> Method {
        self.methods().find(|method| method.path == path).unwrap_or_else(|| panic!("{path} is not defined"))
    }

    /// The codes of an enumeration, without that for nothing.
    pub(crate) fn codes(&self, name: &str) -> Vec<String> {
        let values = &self.enums.get(name).unwrap_or_else(|| panic!("{name} is not defined")).value;
        let none = values.first().expect("a first value").name();
        let prefix = none.strip_suffix("UNSPECIFIED").expect("the first says that nothing was said");
        let codes = values.iter().skip(1).map(|value| value.name().trim_start_matches(prefix));
        codes.map(str::to_ascii_lowercase).collect()
    }

    pub(crate) fn uncommented(&self) -> impl Iterator<Item = String> {
        self.uncommented.iter().cloned()
    }
}

/// The comments of a file, by the paths of what they stand before (see `descriptor.proto`).
struct Comments(BTreeMap<Vec<i32>, String>);

impl Comments {
    fn of(file: &FileDescriptorProto) -> Self {
        let locations = file.source_code_info.iter().flat_map(|info| &info.location);
        let text = |text: &str| text.lines().map(str::trim).collect::<Vec<_>>().join(" ").trim().to_owned();
        let comments = locations.map(|location| (location.path.clone(), text(location.leading_comments())));
        Self(comments.filter(|(_, text)| !text.is_empty()).collect())
    }

    fn at(&self, path: &[i32]) -> String {
        self.0.get(path).cloned().unwrap_or_default()
    }
}

fn index(at: usize) -> i32 {
    i32::try_from(at).expect("a small number")
}
