//! Between scripts and commands: what becomes of a value on its way.
//!
//! Knows the conversions that the servers document. Must not know what any script does.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;

use mlua::{Function, Lua, MultiValue, Table, Value};

use super::commands;
use super::keyspace::Keyspace;
use crate::Reply;

/// An interpreter and the scripts that it has compiled.
pub(super) struct Scripts {
    lua: Lua,
    loaded: Vec<Function>,
}

/// An error that a command answered to `redis.call`: it ends the script.
#[derive(Debug)]
struct Refused(String);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

/// A script may only read globals that are there, and set none.
const NO_GLOBALS: &str = "
setmetatable(_G, {
  __index = function(_, name) error('ERR Script attempted to access nonexistent global variable ' .. name) end,
  __newindex = function(_, name) error('ERR Attempt to modify a readonly table: ' .. name) end,
})";

impl Scripts {
    pub(super) fn new(state: Rc<RefCell<Keyspace>>) -> Self {
        let lua = Lua::new();
        bind(&lua, state).expect("a new interpreter takes our functions");
        Self { lua, loaded: Vec::new() }
    }

    pub(super) fn load(&mut self, source: &str) -> usize {
        let function = self.lua.load(source).set_name("@user_script").into_function();
        self.loaded.push(function.expect("the script compiles"));
        self.loaded.len() - 1
    }

    pub(super) fn run(&self, script: usize, keys: &[Vec<u8>], args: &[Vec<u8>]) -> Reply {
        let outcome = self.call(script, keys, args);
        outcome.unwrap_or_else(|error| match error.downcast_ref::<Refused>() {
            Some(Refused(text)) => Reply::Error(text.clone()),
            None => panic!("a script failed: {error}"),
        })
    }

    fn call(&self, script: usize, keys: &[Vec<u8>], args: &[Vec<u8>]) -> mlua::Result<Reply> {
        let globals = self.lua.globals();
        globals.raw_set("KEYS", self.strings(keys)?)?;
        globals.raw_set("ARGV", self.strings(args)?)?;
        reply(self.loaded[script].call(())?)
    }

    fn strings(&self, words: &[Vec<u8>]) -> mlua::Result<Table> {
        let words = words.iter().map(|word| self.lua.create_string(word));
        self.lua.create_sequence_from(words.collect::<mlua::Result<Vec<_>>>()?)
    }
}

fn bind(lua: &Lua, state: Rc<RefCell<Keyspace>>) -> mlua::Result<()> {
    let redis = lua.create_table()?;
    let format: Function = lua.globals().get::<Table>("string")?.get("format")?;
    for (name, raises) in [("call", true), ("pcall", false)] {
        let (state, format) = (state.clone(), format.clone());
        let call = move |lua: &Lua, args: MultiValue| {
            let words: Vec<_> =
                args.iter().map(|arg| word(arg, &format)).collect::<mlua::Result<_>>()?;
            match commands::run(&mut state.borrow_mut(), &words) {
                Reply::Error(text) if raises => Err(mlua::Error::external(Refused(text))),
                answer => value(lua, &answer),
            }
        };
        redis.set(name, lua.create_function(call)?)?;
    }
    lua.globals().set("redis", redis)?;
    lua.load(NO_GLOBALS).exec()
}

/// An argument as a command gets it.
fn word(arg: &Value, format: &Function) -> mlua::Result<Vec<u8>> {
    match arg {
        Value::String(text) => Ok(text.as_bytes().to_vec()),
        Value::Integer(number) => Ok(number.to_string().into_bytes()),
        // Lua 5.1 knows no integers: the server prints whole numbers as such and others with 17 digits.
        Value::Number(number) if number.fract() == 0.0 && number.abs() < 9e15 => {
            Ok(format!("{number:.0}").into_bytes())
        }
        Value::Number(number) => {
            format.call::<mlua::LuaString>(("%.17g", *number)).map(|text| text.as_bytes().to_vec())
        }
        other => panic!("a command of a script takes strings and numbers, not {other:?}"),
    }
}

/// A reply as a script sees it.
fn value(lua: &Lua, answer: &Reply) -> mlua::Result<Value> {
    Ok(match answer {
        Reply::Nil => Value::Boolean(false),
        Reply::Int(number) => Value::Number(*number as f64),
        Reply::Bulk(text) => Value::String(lua.create_string(text)?),
        Reply::Simple(text) => Value::Table(lua.create_table_from([("ok", text.as_str())])?),
        Reply::Error(text) => Value::Table(lua.create_table_from([("err", text.as_str())])?),
        Reply::Array(parts) | Reply::Push(parts) => {
            let parts = parts.iter().map(|part| value(lua, part));
            Value::Table(lua.create_sequence_from(parts.collect::<mlua::Result<Vec<_>>>()?)?)
        }
    })
}

/// What a script returns, as its caller gets it.
fn reply(returned: Value) -> mlua::Result<Reply> {
    Ok(match returned {
        Value::Nil | Value::Boolean(false) => Reply::Nil,
        Value::Boolean(true) => Reply::Int(1),
        Value::Integer(number) => Reply::Int(number),
        // Cut, not rounded.
        Value::Number(number) => Reply::Int(number as i64),
        Value::String(text) => Reply::Bulk(text.as_bytes().to_vec()),
        Value::Table(table) => table_reply(&table)?,
        other => panic!("a script returned {other:?}"),
    })
}

fn table_reply(table: &Table) -> mlua::Result<Reply> {
    if let Some(error) = table.raw_get::<Option<String>>("err")? {
        return Ok(Reply::Error(error));
    }
    if let Some(status) = table.raw_get::<Option<String>>("ok")? {
        return Ok(Reply::Simple(status));
    }
    let mut parts = Vec::new();
    // The first nil ends it.
    loop {
        match table.raw_get::<Value>(parts.len() + 1)? {
            Value::Nil => return Ok(Reply::Array(parts)),
            part => parts.push(reply(part)?),
        }
    }
}
